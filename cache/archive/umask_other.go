//go:build !unix

package archive

// umask is what the system takes from the mode of a new file.
const umask = 0
