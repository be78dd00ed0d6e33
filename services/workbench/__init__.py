"""What notebooks and tests share: servers, images, and the notebooks themselves."""
