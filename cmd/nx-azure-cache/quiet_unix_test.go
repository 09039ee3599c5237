//go:build unix

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/testenv"
)

// Programs that the command starts do not get the variables, because they would print, too.
func TestChildrenDoNotGetTheVariable(t *testing.T) {
	folder := t.TempDir()
	output := filepath.Join(folder, "output")
	script := "#!/bin/sh\nprintf '<%s>' \"$AZURE_SDK_GO_LOGGING\" > '" + output + "'\nexit 1\n"
	if err := os.WriteFile(filepath.Join(folder, "az"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	p := startProcess(t, testenv.Env{"AZURE_SDK_GO_LOGGING": "all", "PATH": folder + ":/bin:/usr/bin", config.CredentialVariable: "azure-cli"},
		"ls", "--container", "artifacts", "--endpoint", "https://127.0.0.1:1")
	p.exit()
	if got, err := os.ReadFile(output); err != nil || string(got) != "<>" || strings.Contains(p.stderr.String(), "Retry") {
		t.Errorf("got %q, %v, and %q on stderr; want the variable unset", got, err, p.stderr)
	}
}
