package main

import (
	"encoding/json"
	"testing"
)

// The keys with which an entry is verified decide nothing about what a run writes.
func TestExtendedKeysCount(t *testing.T) {
	key := newSigningKey(t)
	block := `{"publicKeys": ["` + key.Public().String() + `"], "branches": ["**"]}`
	config, _ := withoutExtended(trustConfig(block), []string{azureKey})
	s, _, err := readSettings(config, true, env{}.get)
	if err != nil || s.trust.verifier == nil || s.trust.branches != nil || !s.trust.verifier.Believes(key.Public()) {
		t.Errorf("got %+v, %v", s.trust, err)
	}
	for _, config := range []string{"", "null", "5", `"azure"`, "[]", "{}", `{"trust": 5}`, `{"trust": null}`} {
		if got, warnings := withoutExtended(json.RawMessage(config), []string{azureKey}); string(got) != config || warnings != nil {
			t.Errorf("%s: got %s, %q", config, got, warnings)
		}
	}
}
