"""Mail from IMAP mailboxes."""
