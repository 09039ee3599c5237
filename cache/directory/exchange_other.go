//go:build unix && !linux && !darwin

package directory

import "errors"

func exchangeAt(int, string, int, string) error { return errors.ErrUnsupported }
