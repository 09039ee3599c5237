//go:build !unix

package directory_test

import "errors"

func mkfifo(string) error { return errors.ErrUnsupported }
