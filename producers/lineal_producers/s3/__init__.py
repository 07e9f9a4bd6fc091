"""Documents from S3 buckets, by synchronisation and by notifications."""
