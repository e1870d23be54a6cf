"""Where the prompt sets come from: their sources, the downloads, and the columns that are kept."""
