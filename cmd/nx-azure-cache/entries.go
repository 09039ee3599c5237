package main

import (
	"context"
	"errors"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
)

// entry is a stored result, as people look at it.
type entry struct {
	cache.Entry
	container *azure.Container
	name      string // of the blob
	etag      string
	modified  time.Time // by the storage's clock
	tier      string    // of access, see [azure.Properties]

	signature signature
	statement *trust.Statement // what it says of itself; nil where that cannot be read
}

// signature is what the signature of an entry is worth.
type signature struct {
	State   string `json:"state"`
	Key     string `json:"key,omitempty"`     // the ID that it gives, whoever has signed
	Problem string `json:"problem,omitempty"` // the check that has failed
}

// The states of a signature.
const (
	signatureValid     = "valid"     // by one of azure.trust.publicKeys
	signatureInvalid   = "invalid"   // a check has failed
	signatureUnchecked = "unchecked" // there are no keys to check it with
	signatureNone      = "unsigned"
)

var signatureStates = []string{signatureValid, signatureInvalid, signatureUnchecked, signatureNone}

// isProven reports whether somebody who holds a key says what the entry says.
func (e *entry) isProven() bool { return e.signature.State == signatureValid }

// isArchived reports whether the storage has it and cannot give it.
func (e *entry) isArchived() bool { return e.tier == azure.TierArchive }

func (e *entry) url() string { return e.container.URL() + "/" + e.name }

// shelf is where the entries of a workspace are.
type shelf struct {
	settings   config.Settings
	containers []*azure.Container // in the order of their names
}

// openShelf opens all containers of a workspace.
func openShelf(s config.Settings) (*shelf, error) {
	var scopes []trust.Scope
	for _, kind := range trust.Kinds() {
		scopes = append(scopes, trust.Scope(kind))
	}
	byName, err := s.OpenContainers(scopes)
	if err != nil {
		return nil, err
	}
	it := &shelf{settings: s}
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		it.containers = append(it.containers, byName[name])
	}
	return it, nil
}

// String is where the shelf is, for people.
func (s *shelf) String() string {
	var places []string
	for _, container := range s.containers {
		places = append(places, strings.TrimSuffix(container.URL()+"/"+s.settings.Prefix, "/"))
	}
	return strings.Join(places, ", ")
}

// walk gives the entries of some scopes in all containers: of all scopes, where no
// pattern names some, and of some hashes only, where there are any. Whatever else
// is there is counted. The first error is the last item.
func (s *shelf) walk(ctx context.Context, scopes, hashes []string, other func()) iter.Seq2[*entry, error] {
	return func(yield func(*entry, error) bool) {
		for _, container := range s.containers {
			for blob, err := range s.blobs(ctx, container, scopes, hashes) {
				if err != nil {
					yield(nil, err)
					return
				}
				it, ok := s.entry(container, blob)
				if !ok {
					other()
				} else if !yield(it, nil) {
					return
				}
			}
		}
	}
}

// blobs gives what may be entries, with the least that has to be listed.
func (s *shelf) blobs(ctx context.Context, container *azure.Container, scopes, hashes []string) iter.Seq2[azure.Properties, error] {
	if len(scopes) == 0 && len(hashes) == 0 {
		return container.List(ctx, cache.Root(s.settings.Prefix))
	}
	folders := s.folders(ctx, container, scopes)
	if len(hashes) > 0 {
		return look(ctx, container, folders, hashes)
	}
	return func(yield func(azure.Properties, error) bool) {
		for folder, err := range folders {
			if err != nil {
				yield(azure.Properties{}, err)
				return
			}
			for blob, err := range container.List(ctx, folder) {
				if !yield(blob, err) || err != nil {
					return
				}
			}
		}
	}
}

// folders gives what the names of the blobs of some scopes begin with. Names
// without a pattern need no list, and no right to one.
func (s *shelf) folders(ctx context.Context, container *azure.Container, scopes []string) iter.Seq2[string, error] {
	root := cache.Root(s.settings.Prefix)
	if len(scopes) > 0 && !slices.ContainsFunc(scopes, isPattern) {
		return func(yield func(string, error) bool) {
			for _, scope := range slices.Compact(slices.Sorted(slices.Values(scopes))) {
				if !yield(root+scope+"/", nil) {
					return
				}
			}
		}
	}
	return func(yield func(string, error) bool) {
		for folder, err := range container.Folders(ctx, root) {
			scope := strings.TrimSuffix(strings.TrimPrefix(folder, root), "/")
			if err == nil && len(scopes) > 0 && !matchAny(scopes, scope) {
				continue
			}
			if !yield(folder, err) || err != nil {
				return
			}
		}
	}
}

// atOnce is how many requests for single blobs are on their way at a time.
const atOnce = 32

// look looks for hashes in folders.
func look(ctx context.Context, container *azure.Container, folders iter.Seq2[string, error], hashes []string) iter.Seq2[azure.Properties, error] {
	return func(yield func(azure.Properties, error) bool) {
		var names []string
		flush := func() bool {
			for _, found := range lookAt(ctx, container, names) {
				if !errors.Is(found.err, cache.ErrNotFound) && (!yield(found.Properties, found.err) || found.err != nil) {
					return false
				}
			}
			names = names[:0]
			return true
		}
		for folder, err := range folders {
			if err != nil {
				yield(azure.Properties{}, err)
				return
			}
			for _, hash := range hashes {
				if names = append(names, folder+hash); len(names) == atOnce && !flush() {
					return
				}
			}
		}
		flush()
	}
}

type found struct {
	azure.Properties
	err error
}

// lookAt looks at blobs at once.
func lookAt(ctx context.Context, container *azure.Container, names []string) []found {
	all := make([]found, len(names))
	var wg sync.WaitGroup
	for i, name := range names {
		wg.Go(func() { all[i].Properties, all[i].err = container.Properties(ctx, name) })
	}
	wg.Wait()
	return all
}

// entry is what a blob holds. It reports false for one that no run can have made.
func (s *shelf) entry(container *azure.Container, blob azure.Properties) (*entry, bool) {
	scope, hash, ok := cache.ParseName(s.settings.Prefix, blob.Name)
	if !ok {
		return nil, false
	}
	e := &entry{
		Entry:     cache.Entry{Prefix: s.settings.Prefix, Scope: scope, Hash: hash, Size: blob.Size, Metadata: blob.Metadata},
		container: container, name: blob.Name, etag: blob.ETag, modified: blob.Modified, tier: blob.Tier,
	}
	e.judge(s.settings.Trust.Verifier)
	return e, true
}

// judge finds out what is known of an entry, and how well.
func (e *entry) judge(verifier *trust.Verifier) {
	claim, keyID, err := e.Claim()
	if err == nil {
		e.statement = &claim
	}
	switch {
	case !e.IsSigned():
		e.signature = signature{State: signatureNone}
	case verifier == nil:
		e.signature = signature{State: signatureUnchecked, Key: keyID}
		if err != nil {
			e.signature.Problem = err.Error()
		}
	default:
		signed, err := e.Verify(verifier)
		if err != nil {
			e.signature = signature{signatureInvalid, keyID, err.Error()}
			return
		}
		e.statement = &signed
		e.signature = signature{State: signatureValid, Key: keyID}
	}
}
