"""Worker processes: started, watched, replaced and stopped by one supervisor, whatever runner they belong to."""
