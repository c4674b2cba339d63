"""One file for each version of the schema. A file that was released is never changed; a change is a new file."""
