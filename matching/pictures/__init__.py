"""The same picture again: hashes, keypoints, and what one copy is of the other."""
