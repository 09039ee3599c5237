package cache

import (
	"context"
	"errors"

	"github.com/nx-azure-cache/nx-azure-cache/cache/archive"
	"github.com/nx-azure-cache/nx-azure-cache/cache/fileerror"
)

// fileError turns an error from files in or below a directory into a [*fileerror.Error].
// It returns errors of other kinds unchanged: a result that cannot be stored or used, the
// storage, and the end of the session.
func fileError(directory string, err error) error {
	for _, other := range []error{archive.ErrNotStorable, archive.ErrChanged, ErrDamaged, ErrNotFound, errFailure, context.Canceled} {
		if errors.Is(err, other) {
			return err
		}
	}
	_, isBody := errors.AsType[*bodyError](err)
	_, isConfig := errors.AsType[*ConfigError](err)
	if isBody || isConfig {
		return err
	}
	return fileerror.Of(directory, err)
}
