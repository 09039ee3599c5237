package permissions_test

import (
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/permissions"
)

func TestSASWith(t *testing.T) {
	for _, test := range []struct {
		use           permissions.Use
		has           string
		other         string
		missing, with string
	}{
		{permissions.Store, "", "", "rc", "rc"},
		{permissions.Store, "r", "", "c", "rc"},
		{permissions.Store, "wl", "", "r", "rwl"}, // w creates, too
		{permissions.Store, "rc", "", "", "rc"},
		{permissions.Restore, "", "cw", "rc", "rc"},
		{permissions.Restore, "w", "cw", "r", "rw"},
		{permissions.Repair, "rc", "", "w", "rcw"},
		{permissions.Evict, "rl", "", "d", "rdl"},
		{permissions.Evict, "", "", "rdl", "rdl"},
		{permissions.List, "rc", "", "l", "rcl"},
		{permissions.ReadRecords, "rc", "", "l", "rcl"},
		{permissions.List, "lr!r", "", "", "rl"},
	} {
		missing, with := test.use.Missing(test.has, test.other), test.use.SASWith(test.has, test.other)
		if missing != test.missing || with != test.with {
			t.Errorf("%v with %q and %q: got %q and %q, want %q and %q", test.use, test.has, test.other, missing, with, test.missing, test.with)
		}
	}
}

// Every use says what it is for, and what it needs.
func TestUses(t *testing.T) {
	for _, use := range []permissions.Use{permissions.Restore, permissions.Store, permissions.Repair, permissions.List, permissions.Inspect, permissions.Evict, permissions.ReadRecords} {
		if !strings.HasPrefix(use.Purpose(), "to ") || !strings.HasPrefix(use.SAS(), "r") || !strings.HasPrefix(use.Role(), "Storage Blob Data ") || !strings.HasPrefix(use.Actions(), "blobs/read") {
			t.Errorf("use %d is incomplete: %q, %q, %q, %q", use, use.Purpose(), use.SAS(), use.Role(), use.Actions())
		}
	}
	if got, want := permissions.Repair.Advice(), "a role with blobs/read, blobs/add/action and blobs/write, or a SAS with sp=rcw"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if permissions.OfRun(true) != permissions.Store || permissions.OfRun(false) != permissions.Restore {
		t.Error("a run that stores needs more than one that does not")
	}
}
