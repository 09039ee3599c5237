// Package entries finds, selects, shows and deletes the entries of a cache, for the commands
// of people: ls, inspect and evict. An [Inventory] is where the entries of a workspace are, a
// [Filter] is what somebody asks for, and a [Selection] is that filter, checked.
//
// It knows how entries look as lines and as JSON. It does not know flags, and it does not
// restore results: whether an entry can be unpacked is for package cache.
package entries
