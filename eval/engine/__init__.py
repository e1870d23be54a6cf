"""Generation with vLLM: prompts, engines, and the files that samples are kept in."""
