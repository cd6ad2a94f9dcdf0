"""The story of Portcullis, played for real here (`make demo`), and a world to play in (`make playground`)."""
