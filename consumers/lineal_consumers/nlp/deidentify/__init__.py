"""De-identifies health records: takes out the eighteen identifiers of HIPAA's Safe Harbor.

45 CFR 164.514(b)(2). Dates may be shifted instead of cut down to the year, and names replaced by
consistent pseudonyms: what is kept so that intervals and links stay is said in docs/health.md.
"""
