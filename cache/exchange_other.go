//go:build unix && !linux && !darwin

package cache

import "errors"

func exchangeAt(int, string, int, string) error { return errors.ErrUnsupported }
