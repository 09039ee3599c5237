// Package permissions knows what each use of a container requires: permissions of a SAS,
// data actions and a role. Errors, the help of the commands and the guides take it from
// here, so that anyone who follows one advice needs no second one.
package permissions

import (
	"fmt"
	"slices"
	"strings"
)

// Use is what a program does with a container.
type Use int

// The uses. The zero value is the usual run.
const (
	Store       Use = iota // a run that restores and stores results
	Restore                // a run that only restores results
	Repair                 // a run that also replaces damaged entries
	List                   // ls
	Inspect                // inspect
	Evict                  // evict
	ReadRecords            // explain
)

// OfRun is what a run does.
func OfRun(stores bool) Use {
	if stores {
		return Store
	}
	return Restore
}

// need is what a use requires.
type need struct {
	purpose string
	// sas has the permissions of a SAS. Of each string, one letter is enough, and the first
	// one allows the least.
	sas     []string
	actions []string
	role    string // the built-in role that allows the least
}

const (
	reader      = "Storage Blob Data Reader"
	contributor = "Storage Blob Data Contributor"
)

var needs = map[Use]need{
	Restore:     {"to restore results", []string{"r"}, []string{"blobs/read"}, reader},
	Store:       {"to restore and store results", []string{"r", "cw"}, []string{"blobs/read", "blobs/add/action"}, contributor},
	Repair:      {"to replace damaged entries", []string{"r", "c", "w"}, []string{"blobs/read", "blobs/add/action", "blobs/write"}, contributor},
	List:        {"to list entries", []string{"r", "l"}, []string{"blobs/read"}, reader},
	Inspect:     {"to inspect entries", []string{"r", "l"}, []string{"blobs/read"}, reader},
	ReadRecords: {"to read run records", []string{"r", "l"}, []string{"blobs/read"}, reader},
	Evict:       {"to delete entries", []string{"r", "d", "l"}, []string{"blobs/read", "blobs/delete"}, contributor},
}

// Purpose is such as "to list entries".
func (u Use) Purpose() string { return needs[u].purpose }

// Role is the built-in role that allows the least.
func (u Use) Role() string { return needs[u].role }

// Actions are the data actions of a custom role, such as "blobs/read and blobs/delete".
func (u Use) Actions() string {
	all := needs[u].actions
	if last := len(all) - 1; last > 0 {
		return strings.Join(all[:last], ", ") + " and " + all[last]
	}
	return all[0]
}

// SAS are the permissions of a SAS that is only for this use, such as "rc".
func (u Use) SAS() string { return u.SASWith("") }

// Advice is such as "a role with blobs/read, or a SAS with sp=rl".
func (u Use) Advice() string {
	return fmt.Sprintf("a role with %s, or a SAS with sp=%s", u.Actions(), u.SAS())
}

// Missing are the permissions that a SAS with these ones lacks for the use, and for the
// other needs.
func (u Use) Missing(has string, others ...string) (missing string) {
	for _, letters := range append(slices.Clone(needs[u].sas), others...) {
		if letters != "" && !strings.ContainsAny(has+missing, letters) {
			missing += letters[:1]
		}
	}
	return inOrder(missing)
}

// SASWith are the permissions of a SAS that replaces one with these permissions: it keeps
// them, and allows the use and the other needs.
func (u Use) SASWith(has string, others ...string) string {
	return inOrder(has + u.Missing(has, others...))
}

// order is the order in which the service wants the permissions of a container's SAS
// (learn.microsoft.com/rest/api/storageservices/create-service-sas).
const order = "racwdxyltfmeopi"

// inOrder sorts permissions, each once. It drops other letters.
func inOrder(letters string) string {
	return strings.Map(func(letter rune) rune {
		if strings.ContainsRune(letters, letter) {
			return letter
		}
		return -1
	}, order)
}
