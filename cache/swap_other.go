//go:build unix && !linux && !darwin

package cache

import "errors"

func swap(int, string, int, string) error { return errors.ErrUnsupported }
