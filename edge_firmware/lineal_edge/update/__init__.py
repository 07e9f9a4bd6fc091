"""Updates of the device's model: verified, run as a shadow, activated, rolled back.

``verification`` says whether a package may be used, ``download`` fetches it, ``trial`` runs it
where it can do no harm, ``live_scorer`` runs shadows and swaps models, ``health`` compares a model
with limits, ``packages`` keeps the files and ``journal`` what has been done, ``machine`` decides
the next step, ``updater`` gives it a thread.
"""
