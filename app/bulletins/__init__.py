"""Official statements to the public: what was done, what is true, what to stop sharing."""
