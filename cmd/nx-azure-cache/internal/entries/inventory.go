package entries

import (
	"context"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/permissions"
	"github.com/nx-azure-cache/nx-azure-cache/cache/runs"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
)

// Inventory is where the entries of a workspace are.
type Inventory struct {
	settings   config.Settings
	containers []*azure.Container // in the order of their names
}

// Open opens all containers of a workspace for a command.
func Open(s config.Settings, use permissions.Use) (*Inventory, error) {
	var scopes []trust.Scope
	for _, kind := range trust.Kinds() {
		scopes = append(scopes, trust.Scope(kind))
	}
	byName, err := s.OpenContainers(use, scopes)
	if err != nil {
		return nil, err
	}
	found := &Inventory{settings: s}
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		found.containers = append(found.containers, byName[name])
	}
	return found, nil
}

// String returns where the entries are, for people.
func (inv *Inventory) String() string {
	var places []string
	for _, container := range inv.containers {
		places = append(places, strings.TrimSuffix(container.URL()+"/"+inv.settings.Prefix, "/"))
	}
	return strings.Join(places, ", ")
}

// walk yields the entries of some scopes in all containers: of all scopes if there is no
// pattern, and only of some hashes if there are any. It passes other blobs to other. The
// first error is the last item.
func (inv *Inventory) walk(ctx context.Context, scopes, hashes []string, other func(blob azure.Properties, isRecord bool)) iter.Seq2[*entry, error] {
	return func(yield func(*entry, error) bool) {
		for _, container := range inv.containers {
			for blob, err := range inv.blobs(ctx, container, scopes, hashes) {
				if err != nil {
					yield(nil, err)
					return
				}
				entry, ok := inv.entryOf(container, blob)
				if !ok {
					_, _, _, isRecord := runs.ParseName(inv.settings.Prefix, blob.Name)
					other(blob, isRecord)
				} else if !yield(entry, nil) {
					return
				}
			}
		}
	}
}

// blobs yields the blobs that may be entries, listing as little as possible.
func (inv *Inventory) blobs(ctx context.Context, container *azure.Container, scopes, hashes []string) iter.Seq2[azure.Properties, error] {
	if len(scopes) == 0 && len(hashes) == 0 {
		return container.List(ctx, cache.Root(inv.settings.Prefix))
	}
	folders := inv.folders(ctx, container, scopes)
	if len(hashes) > 0 {
		return lookUp(ctx, container, folders, hashes)
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

// folders yields the prefixes of the blobs of some scopes. Scopes without a pattern need
// no listing, and no permission to list.
func (inv *Inventory) folders(ctx context.Context, container *azure.Container, scopes []string) iter.Seq2[string, error] {
	root := cache.Root(inv.settings.Prefix)
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

// entryOf returns the entry of a blob. It reports false for a blob that is not an entry.
func (inv *Inventory) entryOf(container *azure.Container, blob azure.Properties) (*entry, bool) {
	scope, hash, ok := cache.ParseName(inv.settings.Prefix, blob.Name)
	if !ok {
		return nil, false
	}
	e := &entry{
		Entry:     cache.Entry{Prefix: inv.settings.Prefix, Scope: scope, Hash: hash, Size: blob.Size, Metadata: blob.Metadata},
		container: container, name: blob.Name, etag: blob.ETag, modified: blob.Modified, tier: blob.Tier,
	}
	e.classify(inv.settings.Trust.Verifier)
	return e, true
}
