package report

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/testenv"
)

// A command that doctor shows can be pasted, and runs nothing else. If a value cannot be
// quoted, doctor shows no command.
func TestDoctorCommandsCanBePasted(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Log("there is no sh")
		return
	}
	for value, isOffered := range map[string]bool{
		"plain": true, "$(touch x)": true, "`touch x`": true, "';touch x;'": true, `";touch x;"`: true, "a;touch x": true, "!touch": true, "-rf": true,
		"a b": true, "a\ntouch x": false, "\u009b31m": false, "\u202etxt": false, "$(touch x)&touch x": false,
	} {
		t.Run(fmt.Sprintf("%+q", value), func(t *testing.T) {
			const canary = "canary-abc"
			r := Report{Run: &Run{}, Identity: &Identity{}, Canary: canary, Checks: []Check{{Part: Security, Status: Exposed}}}
			r.Leftovers = []Leftover{NewLeftover("results", "v1/"+canary, "https://h/"+value)}
			var out strings.Builder
			if err := r.Print(&out, false); err != nil {
				t.Fatal(err)
			}
			testenv.CheckShown(t, out.String())
			_, rest, _ := strings.Cut(out.String(), "Someone with delete permission can run\n")
			lines := strings.Split(rest, "\n")
			if ran := paste(t, lines[0]); !slices.Equal(ran, []string{"npx", "nx-azure-cache", "evict", "--hash", canary, "--yes"}) {
				t.Errorf("%s ran %q", lines[0], ran)
			}
			var want []string
			if isOffered {
				want = []string{"az", "storage", "blob", "delete", "--auth-mode", "login", "--blob-url", "https://h/" + value + "/v1/" + canary}
			}
			if ran := paste(t, lines[2]); !slices.Equal(ran, want) {
				t.Errorf("%s ran %q, want %q", lines[2], ran, want)
			}
		})
	}
}

// paste runs a line in a shell, and returns the suggested program and its arguments. The
// line must create no file.
func paste(t *testing.T, line string) (ran []string) {
	t.Helper()
	folder, bin := t.TempDir(), t.TempDir()
	for _, name := range []string{"az", "npx"} {
		stub := "#!/bin/sh\nprintf '%s\\0' " + name + " \"$@\" > \"$RECORD\"\n"
		if err := os.WriteFile(filepath.Join(bin, name), []byte(stub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	record := filepath.Join(bin, "record")
	shell := exec.CommandContext(t.Context(), "sh", "-c", line)
	shell.Dir = folder
	shell.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "RECORD="+record)
	_ = shell.Run() // a line that is not a command is an error of the shell
	if made, err := os.ReadDir(folder); err != nil || len(made) > 0 {
		t.Errorf("%s made %v (%v), want nothing", line, made, err)
	}
	recorded, err := os.ReadFile(record)
	if err != nil {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(recorded), "\x00"), "\x00")
}
