"""Documents from buckets: brought into line when asked, or taken as S3 tells of them."""
