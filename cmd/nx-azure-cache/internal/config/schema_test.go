package config

import (
	"encoding/json"
	"maps"
	"os"
	"slices"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/signin"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest/repository"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/testenv"
)

func TestSharedValues(t *testing.T) {
	for _, value := range testenv.SharedValues(t) {
		// An unset key may cause another problem.
		environment := testenv.Env{ConnectionVariable: testenv.ConnectionString}
		if value.Key == "accountName" || value.Key == "endpoint" {
			delete(environment, ConnectionVariable)
		}
		config := value.Block(t)
		_, warnings, err := ReadSettings(config, value.Key == "ciMode", environment.Get)
		if (err == nil) != value.Valid || len(warnings) > 0 {
			t.Errorf("%s: got %v and %q, want valid: %t", config, err, warnings, value.Valid)
		}
	}
}

// The schema for editors has the keys and names that this package reads.
func TestSchemaIsComplete(t *testing.T) {
	type schema struct {
		Enum       []any
		Properties map[string]json.RawMessage
	}
	data, err := os.ReadFile(repository.File("npm/nx-azure-cache/schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	var whole struct {
		schema
		Definitions map[string]schema
	}
	if err := json.Unmarshal(data, &whole); err != nil {
		t.Fatal(err)
	}
	property := func(in schema, key string) (s schema) {
		if err := json.Unmarshal(in.Properties[key], &s); err != nil {
			t.Fatalf("%s: %v", key, err)
		}
		return s
	}
	timeouts, trusted := property(whole.schema, timeoutsKey), property(whole.schema, trustKey)
	for what, test := range map[string]struct{ got, want []string }{
		"keys":       {slices.Collect(maps.Keys(whole.Properties)), slices.Collect(maps.Keys(new(rawConfig).fields()))},
		"timeouts":   {slices.Collect(maps.Keys(timeouts.Properties)), []string{"connect", "firstByte", "stall", "drain"}},
		"trust":      {slices.Collect(maps.Keys(trusted.Properties)), trustKeys},
		"containers": {slices.Collect(maps.Keys(property(trusted, "containers").Properties)), names(trust.Kinds())},
		"isolation":  {testenv.StringsIn(property(trusted, "isolation").Enum), append(slices.Clone(isolations), "")},
		"credential": {testenv.StringsIn(property(whole.schema, "credential").Enum), append(slices.Clone(credentials), "")},
		"cloud":      {testenv.StringsIn(property(whole.schema, "cloud").Enum), append(slices.Clone(signin.CloudNames()), "")},
		"records":    {testenv.StringsIn(property(whole.schema, recordsKey).Enum), append(names(recordsValues), "")},
		"mode":       {testenv.StringsIn(whole.Definitions["mode"].Enum), append(names(modes), "")},
	} {
		if !slices.Equal(slices.Sorted(slices.Values(test.got)), slices.Sorted(slices.Values(test.want))) {
			t.Errorf("%s: the schema has %q, this reader %q", what, test.got, test.want)
		}
	}
}

func names[T ~string](all []T) (names []string) {
	for _, name := range all {
		names = append(names, string(name))
	}
	return names
}
