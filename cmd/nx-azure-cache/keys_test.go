package main

import (
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/testenv"
)

func TestKeysCommand(t *testing.T) {
	file := t.TempDir() + "/key.pem"
	stdout, stderr, err := runWith(t, nil, "keys", "generate", "--out", file)
	if err != nil || stdout != "" || !strings.Contains(stderr, `"publicKeys": ["MCowBQYDK2VwAyEA`) {
		t.Fatalf("got %q, %q, %v", stdout, stderr, err)
	}
	shown, _, err := runWith(t, nil, "keys", "show", file)
	if err != nil || !strings.Contains(stderr, shown) {
		t.Errorf("got %q, %v, want the output of %q", shown, err, stderr)
	}
	fromVariable, _, err := runWith(t, testenv.Env{trust.SigningKeyVariable: file}, "keys", "show")
	if err != nil || fromVariable != shown {
		t.Errorf("got %q, %v, want %q", fromVariable, err, shown)
	}
	for _, args := range [][]string{
		{"keys", "generate", "--out", file}, // it exists already
		{"keys", "show"},                    // no command
		{"keys", "show", file + "x"},
		{"keys", "show", "../../README.md"},
		{"keys", "generate"},
	} {
		if stdout, _, err := runWith(t, nil, args...); err == nil || stdout != "" {
			t.Errorf("%q: got %q and no error", args, stdout)
		}
	}
	if again, _, err := runWith(t, nil, "keys", "show", file); err != nil || again != shown {
		t.Errorf("got %q, %v: the file was changed", again, err)
	}
	pem, notes, err := runWith(t, nil, "keys", "generate", "--out", "-")
	if key, parseErr := trust.ParsePrivateKey(pem); err != nil || parseErr != nil || !strings.Contains(notes, key.Public().ID()) {
		t.Errorf("got %v, %v and %q", err, parseErr, notes)
	}
}
