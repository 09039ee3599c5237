package config

import (
	"encoding/json"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/testenv"
)

// The keys that verify entries do not affect what a run writes, so they count in an
// extended file.
func TestExtendedKeysCount(t *testing.T) {
	key := testenv.NewSigningKey(t)
	block := `{"publicKeys": ["` + key.Public().String() + `"], "branches": ["**"]}`
	config, _ := WithoutExtended(testenv.TrustConfig(block), []string{AzureKey})
	s, _, err := ReadSettings(config, true, testenv.Env{}.Get)
	if err != nil || s.Trust.Verifier == nil || s.Trust.branches != nil || !s.Trust.Verifier.Trusts(key.Public()) {
		t.Errorf("got %+v, %v", s.Trust, err)
	}
	for _, config := range []string{"", "null", "5", `"azure"`, "[]", "{}", `{"trust": 5}`, `{"trust": null}`} {
		if got, warnings := WithoutExtended(json.RawMessage(config), []string{AzureKey}); string(got) != config || warnings != nil {
			t.Errorf("%s: got %s, %q", config, got, warnings)
		}
	}
}
