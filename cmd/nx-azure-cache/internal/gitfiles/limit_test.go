package gitfiles

import (
	"os"
	"testing"
)

func TestLimitedBuffer(t *testing.T) {
	calls := 0
	buffer := &limitedBuffer{max: 4, full: func() { calls++ }}
	for _, text := range []string{"ab", "cd", "e", "f"} {
		if n, err := buffer.Write([]byte(text)); n != len(text) || err != nil {
			t.Errorf("Write(%q) = %d, %v", text, n, err)
		}
	}
	if buffer.String() != "abcd" || !buffer.overflown || calls != 2 {
		t.Errorf("got %q, overflown %v, full called %d times", buffer.String(), buffer.overflown, calls)
	}
}

// What git gets is named; nothing else of the environment reaches it.
func TestEnvironmentIsNamed(t *testing.T) {
	t.Setenv("GIT_EXTERNAL_DIFF", "x")
	t.Setenv("XDG_CONFIG_HOME", "x")
	if got, most := len(environment()), 6+len(variables); got > most {
		t.Errorf("got %d variables of %d, want at most %d", got, len(os.Environ()), most)
	}
}
