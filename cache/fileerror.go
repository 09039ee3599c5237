package cache

import (
	"context"
	"errors"
	"fmt"

	"github.com/nx-azure-cache/nx-azure-cache/cache/archive"
	"github.com/nx-azure-cache/nx-azure-cache/cache/descriptors"
	"github.com/nx-azure-cache/nx-azure-cache/cache/diskspace"
	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
)

// FileError is an error of this machine's file system, where results lie and this
// process works. The code that touches files makes it: errors of the network hold
// the same numbers of the system (EMFILE, EACCES, EPIPE), so that a number does not
// tell the two apart.
type FileError struct {
	Err error
	fix string // "" where Err says what to do
}

func (e *FileError) Error() string {
	if e.fix == "" {
		return e.Err.Error()
	}
	return shorten(e.Err.Error(), maxFileText) + "; " + e.fix
}

func (e *FileError) Unwrap() error { return e.Err }

// NonRetriable tells azcore's retry policy that sending again is in vain: a body
// could not be read.
func (*FileError) NonRetriable() {}

const (
	// maxPath is how much of a path a message shows, in bytes.
	maxPath = 240
	// maxFileText is how much of what the system says, which has paths in it.
	maxFileText = 400
)

// shorten is [printable.Short] of what is too long, and nothing of what is not: who
// shows it makes it printable.
func shorten(text string, max int) string {
	if len(text) <= max {
		return text
	}
	return printable.Short(text, max)
}

// IsFileError reports whether an error is one of the file system.
func IsFileError(err error) bool {
	_, ok := errors.AsType[*FileError](err)
	return ok
}

// fileError makes a [FileError] of what went wrong with files in or below a
// directory, unless it is of another kind: a result that cannot be stored or used,
// the storage, or the end of the session.
func fileError(directory string, err error) error {
	if err == nil || IsFileError(err) || isRefusal(err) {
		return err
	}
	for _, other := range []error{archive.ErrNotStorable, archive.ErrChanged, ErrDamaged, ErrNotFound, errFailure, context.Canceled} {
		if errors.Is(err, other) {
			return err
		}
	}
	if _, ok := errors.AsType[*bodyError](err); ok {
		return err
	}
	return &FileError{err, fixOf(directory, err)}
}

// TooManyFiles reports whether an error says that no more files may be open. For the
// system a connection is one, too.
func TooManyFiles(err error) bool { return descriptors.Missing(err) != nil }

// NewTooManyFiles makes a [FileError] of an error of a connection that would have been
// one file too many.
func NewTooManyFiles(err error) *FileError { return &FileError{err, tooManyFix} }

const tooManyFix = "this process or machine has too many files open: raise the limit (`ulimit -n 4096` in the shell that starts Nx), or run fewer tasks at once (--parallel)"

// fixOf says what fixes an error of a file system. npm/nx-azure-cache/lib/file-error.js
// says the same; the tests of both read testdata/file-errors.json.
func fixOf(directory string, err error) string {
	directory = shorten(directory, maxPath)
	switch {
	case errors.Is(err, archive.ErrNoSpace), diskspace.IsFull(err):
		return fmt.Sprintf("free space on the file system of %s, or set NX_CACHE_DIRECTORY to a directory on another", directory)
	case isOneOf(err, errnos.readOnly):
		return fmt.Sprintf("the file system of %s is read-only: mount it writable, or set NX_CACHE_DIRECTORY to a directory on another", directory)
	case isOneOf(err, errnos.denied):
		return fmt.Sprintf("another user (sudo, a container) may own %s or a file in it: make the user of this run the owner (chown -R), or set NX_CACHE_DIRECTORY to a directory of your own", directory)
	case isOneOf(err, errnos.tooMany):
		return tooManyFix
	case isOneOf(err, errnos.crossDevice):
		return fmt.Sprintf("%s lies on more than one file system (a mount, or a layer of a container's image): set NX_CACHE_DIRECTORY to a directory on one", directory)
	case isOneOf(err, errnos.gone):
		return fmt.Sprintf("another process has removed files in %s (`nx reset`, a cleaner of temporary files): run Nx again, and stop that process if this recurs", directory)
	case isOneOf(err, errnos.broken):
		return fmt.Sprintf("the disk or network drive of %s reports errors: look at the log of the system (`dmesg`), or set NX_CACHE_DIRECTORY to a directory on another", directory)
	default:
		return fmt.Sprintf("check the file system of %s, or set NX_CACHE_DIRECTORY to a directory on another", directory)
	}
}

func isOneOf(err error, numbers []error) bool {
	for _, number := range numbers {
		if errors.Is(err, number) {
			return true
		}
	}
	return false
}

// fileErrnos are the errors of a system, by what fixes them.
type fileErrnos struct {
	readOnly, denied, tooMany, crossDevice, gone, broken []error
}
