"""The language stage: language, key phrases, entities, personal data and document class."""
