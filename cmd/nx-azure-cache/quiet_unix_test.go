//go:build unix

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Programs that this one starts would print, too.
func TestChildrenDoNotGetTheVariable(t *testing.T) {
	folder := t.TempDir()
	told := filepath.Join(folder, "told")
	script := "#!/bin/sh\nprintf '<%s>' \"$AZURE_SDK_GO_LOGGING\" > '" + told + "'\nexit 1\n"
	if err := os.WriteFile(filepath.Join(folder, "az"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	p := startProcess(t, env{"AZURE_SDK_GO_LOGGING": "all", "PATH": folder + ":/bin:/usr/bin", credentialVariable: "azure-cli"},
		"ls", "--container", "artifacts", "--endpoint", "https://127.0.0.1:1")
	p.exit()
	if got, err := os.ReadFile(told); err != nil || string(got) != "<>" || strings.Contains(p.stderr.String(), "Retry") {
		t.Errorf("got %q, %v, and %q on stderr; want that the variable is unset", got, err, p.stderr)
	}
}
