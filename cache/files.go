package cache

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/rs/zerolog"
)

// discard removes what is at a spot. What cannot be removed costs space, not
// correctness.
func discard(ctx context.Context, s spot) {
	if err := s.removeAll(s.name); err != nil {
		zerolog.Ctx(ctx).Debug().Err(err).Msg("not removed")
	}
}

// move moves a name in one open directory to a name in another.
type move func(from *directory, name string, to *directory, newName string) error

// mover puts results in their place.
type mover struct{ rename, exchange move }

// replace moves what is at a spot to the name hash in the cache directory, whatever
// stands there. What is a link there is replaced itself. Where the system can
// exchange two names, there is a result at every moment: another process of Nx may
// be reading it.
func replace(ctx context.Context, from spot, hash string) error {
	return mover{rename, exchange}.replace(ctx, from, hash)
}

func (m mover) replace(ctx context.Context, from spot, hash string) error {
	var err error
	// Another process may restore the same result at the same time: both
	// results are the same, so it does not matter whose stays.
	for try := range 10 {
		if err = m.rename(from.directory, from.name, from.cacheDirectory, hash); err == nil {
			return nil
		}
		if swapped := moveAway(hash, from, m.exchange); swapped == nil {
			discard(ctx, from)
			return nil
		}
		old := from.with(fmt.Sprintf(".old-%d", try))
		defer discard(ctx, old)
		moved := moveAway(hash, old, m.rename)
		isFree := errors.Is(moved, fs.ErrNotExist)
		switch {
		case isUnmovable(moved), isFree && (isUnmovable(err) || isHeld(err)):
			return m.replaceInPlace(ctx, from, hash)
		case moved != nil && !isFree:
			return moved
		}
	}
	return err
}

// replaceInPlace replaces what cannot be moved as a whole, by a result that perhaps
// cannot either (see [isUnmovable]). For a moment there is no result, or a part of one:
// there is no other way.
func (m mover) replaceInPlace(ctx context.Context, from spot, hash string) error {
	to := from.cacheDirectory
	removed := to.removeAll(hash)
	err := m.rename(from.directory, from.name, to, hash)
	switch {
	case err == nil:
		return nil
	case removed != nil && !isUnmovable(removed): // a mount point is empty now, and stays
		return removed
	case !isUnmovable(err) && !isHeld(err):
		return err
	}
	if err := copyDirectory(from.directory, from.name, to, hash); err != nil {
		_ = to.removeAll(hash) // half a result; err says what is wrong
		return err
	}
	discard(ctx, from)
	return nil
}

// moveAway moves a name in the cache directory to a spot, also where it is read-only: a
// directory that may not be written may not change its parent either.
func moveAway(hash string, to spot, move move) error {
	from := to.cacheDirectory
	err := move(from, hash, to.directory, to.name)
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	if info, statErr := from.root.Lstat(hash); statErr == nil && info.IsDir() && from.root.Chmod(hash, 0o700) == nil {
		err = move(from, hash, to.directory, to.name)
	}
	return err
}
