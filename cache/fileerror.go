package cache

import (
	"context"
	"errors"

	"github.com/nx-azure-cache/nx-azure-cache/cache/archive"
	"github.com/nx-azure-cache/nx-azure-cache/cache/fileerror"
)

// fileError makes a [*fileerror.Error] of what went wrong with files in or below a
// directory, unless it is of another kind: a result that cannot be stored or used,
// the storage, or the end of the session.
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
