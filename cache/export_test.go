package cache

// FileErrorOf is for tests of the messages of file errors.
var FileErrorOf = fileError
