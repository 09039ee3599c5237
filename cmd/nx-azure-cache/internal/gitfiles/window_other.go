//go:build !windows

package gitfiles

import "os/exec"

// hideWindow does nothing: only Windows opens a console.
func hideWindow(*exec.Cmd) {}
