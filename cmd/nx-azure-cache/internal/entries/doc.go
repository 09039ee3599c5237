// Package entries finds, selects, shows and deletes the entries of a cache, for the
// commands ls, inspect and evict. An [Inventory] is where the entries of a workspace are.
// A [Filter] is what a command line asks for, and a [Selection] is a valid filter.
//
// It knows how entries look as lines and as JSON. It does not know flags, and it does not
// restore results: package cache knows whether an entry can be unpacked.
package entries
