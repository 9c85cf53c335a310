// The page for paths that name nothing says all it has to say without a script.
