"""Who may do what: acts, roles, credentials, users, API tokens and sessions."""
