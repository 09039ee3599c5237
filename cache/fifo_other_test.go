//go:build !unix

package cache_test

import "errors"

func fifo(string) error { return errors.ErrUnsupported }
