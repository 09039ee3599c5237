// Package repository finds files of this repository in tests.
package repository

import (
	"os"
	"path/filepath"
)

// File returns the path of a file, given its path in the repository with "/".
func File(path string) string { return filepath.Join(root, filepath.FromSlash(path)) }

// root is the nearest folder with a go.mod when a test starts: Go starts it in the folder of its
// package. The path of this file is not known in a binary that is built with -trimpath.
var root = func() string {
	folder, _ := os.Getwd()
	for folder != filepath.Dir(folder) {
		if _, err := os.Stat(filepath.Join(folder, "go.mod")); err == nil {
			break
		}
		folder = filepath.Dir(folder)
	}
	return folder
}()
