"""Visual inspection: photos are compared with normal ones, and people verify what is found."""
