"""What notebooks and tests share: servers, pictures, and the notebooks themselves."""
