package config_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
)

// Strings that may be secrets are not shown. npm/nx-azure-cache/lib/secrets.js has the
// same rule, and its test reads the same file.
func TestShownHidesPossibleSecrets(t *testing.T) {
	data, err := os.ReadFile("../../../../testdata/config/secrets.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Value       string `json:"value"`
		MayBeSecret bool   `json:"mayBeSecret"`
	}
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	if len(cases) == 0 {
		t.Fatal("there are no cases")
	}
	for _, c := range cases {
		shown := config.Shown(c.Value)
		if got := !strings.Contains(shown, c.Value); got != c.MayBeSecret {
			t.Errorf("%q is shown as %s; want hidden: %v", c.Value, shown, c.MayBeSecret)
		}
	}
}
