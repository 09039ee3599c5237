package config

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/endpoint"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/transport"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/testenv"
)

// F11: every valid spelling has its mode. TestNearestValues has invalid ones.
func TestF11_every_spelling_of_a_mode(t *testing.T) {
	const both = `"localMode": "read-only", "ciMode": "read-write"`
	for name, test := range map[string]struct {
		keys string
		ci   bool
		env  string
		want cache.Mode
	}{
		"by default":                               {``, false, "", cache.ReadWrite},
		"by default in CI":                         {``, true, "", cache.ReadWrite},
		"local":                                    {both, false, "", cache.ReadOnly},
		"in CI":                                    {both, true, "", cache.ReadWrite},
		"local, with only ciMode set":              {`"ciMode": "no-cache"`, false, "", cache.ReadWrite},
		"in CI, with only localMode set":           {`"localMode": "no-cache"`, true, "", cache.ReadWrite},
		"the variable beats localMode":             {both, false, "read-write", cache.ReadWrite},
		"the variable beats ciMode":                {both, true, "no-cache", cache.NoCache},
		"the variable beats an invalid mode":       {`"localMode": "on"`, false, "read-only", cache.ReadOnly},
		"the old plugin's read (nx#31535)":         {`"localMode": "read"`, false, "", cache.ReadOnly},
		"read in the variable":                     {``, false, "read", cache.ReadOnly},
		"no-cache":                                 {`"ciMode": "no-cache"`, true, "", cache.NoCache},
		"an invalid mode of the other kind of run": {`"localMode": "on"`, true, "", cache.ReadWrite},
		"white space around the variable":          {``, false, " read-only\n", cache.ReadOnly},
		"the variable set to read-only":            {`"localMode": "no-cache"`, false, "read-only", cache.ReadOnly},
	} {
		t.Run(name, func(t *testing.T) {
			config := `{"container": "artifacts", "accountName": "nxcache"`
			if test.keys != "" {
				config += ", " + test.keys
			}
			got, _, err := ReadSettings(json.RawMessage(config+"}"), test.ci, testenv.Env{ModeVariable: test.env}.Get)
			if err != nil || got.Mode != test.want {
				t.Errorf("got %q and %v, want %q", got.Mode, err, test.want)
			}
		})
	}
}

func TestUnknownKeys(t *testing.T) {
	const all = "known keys are accountName, backfill, cacheFailures, ciMode, cloud, container, credential, endpoint, exclude, include, jobSummary, localMode, maxArtifactSize, prefix, records, timeouts, trust, verify"
	for key, want := range map[string]string{
		"contaner":    "did you mean container?",
		"Container":   "did you mean container?",
		"account":     "did you mean accountName?",
		"accountname": "did you mean accountName?",
		"endPoint":    "did you mean endpoint?",
		"localmode":   "did you mean localMode?",
		"ci":          "did you mean ciMode?",
		"prefx":       "did you mean prefix?",
		"PREFIX":      "did you mean prefix?",
		"":            all,
		"two\nlines":  all,
		"trus":        "did you mean trust?",
		"timeout":     "did you mean timeouts?",
		"crendential": "did you mean credential?",
		"clouds":      "did you mean cloud?",
		"record":      "did you mean records?",
		"jobsummary":  "did you mean jobSummary?",
		"verfy":       "did you mean verify?",
	} {
		config, err := json.Marshal(map[string]any{"container": "artifacts", "accountName": "nxcache", key: map[string]any{"any": "thing"}})
		if err != nil {
			t.Fatal(err)
		}
		_, warnings, err := ReadSettings(config, false, testenv.Env{}.Get)
		if err != nil || len(warnings) != 1 {
			t.Errorf("%q: got %q and %v, want one warning", key, warnings, err)
			continue
		}
		if got := warnings[0].Text; !strings.Contains(got, fmt.Sprintf("%q", key)) || !strings.HasSuffix(got, want) || strings.Contains(got, "\n") {
			t.Errorf("got %q, want the key %q and %q on one line", got, key, want)
		}
	}
}

func TestUnknownTimeLimits(t *testing.T) {
	const all = "known keys are connect, drain, firstByte, stall"
	for key, want := range map[string]string{
		"conect":    "did you mean connect?",
		"FIRSTBYTE": "did you mean firstByte?",
		"stal":      "did you mean stall?",
		"drains":    "did you mean drain?",
		"total":     all,
		"container": all,
		"timeouts":  all,
	} {
		config := fmt.Sprintf(`{"container": "artifacts", "accountName": "nxcache", "timeouts": {%q: "1s"}}`, key)
		_, warnings, err := ReadSettings(json.RawMessage(config), false, testenv.Env{}.Get)
		if err != nil || len(warnings) != 1 || !strings.Contains(warnings[0].Text, `"timeouts.`+key+`"`) || !strings.HasSuffix(warnings[0].Text, want) {
			t.Errorf("%q: got %q and %v, want one warning with %q", key, warnings, err, want)
		}
	}
}

func TestUnknownKeysAreAllReported(t *testing.T) {
	config := `{"zone": 1, "container": "artifacts", "accountName": "nxcache", "area": 2}`
	_, warnings, err := ReadSettings(json.RawMessage(config), false, testenv.Env{}.Get)
	if err != nil || len(warnings) != 2 || !strings.Contains(warnings[0].Text, "area") || !strings.Contains(warnings[1].Text, "zone") {
		t.Errorf("got %q and %v, want a warning about area and one about zone", warnings, err)
	}
}

// With the mode no-cache, other settings are not checked.
func TestNoCacheSkipsValidation(t *testing.T) {
	for name, config := range map[string]string{
		"no block":        "",
		"null":            "null",
		"a string":        `"nx"`,
		"an empty block":  "{}",
		"wrong settings":  `{"container": "X", "prefix": ".."}`,
		"wrong types":     `{"container": 1, "localMode": 5}`,
		"unknown keys":    `{"contaner": "nx"}`,
		"another mode":    `{"localMode": "read-write"}`,
		"an unknown mode": `{"localMode": "x"}`,
	} {
		t.Run(name, func(t *testing.T) {
			environment := testenv.Env{ModeVariable: "no-cache", ConnectionVariable: "junk"}
			got, warnings, err := ReadSettings(json.RawMessage(config), false, environment.Get)
			if want := (Settings{Mode: cache.NoCache}); !reflect.DeepEqual(got, want) || warnings != nil || err != nil {
				t.Errorf("got %+v, %q and %v, want %+v", got, warnings, err, want)
			}
		})
	}
	t.Run("by the block itself", func(t *testing.T) {
		config := `{"ciMode": "no-cache", "container": 1, "contaner": "nx"}`
		got, warnings, err := ReadSettings(json.RawMessage(config), true, testenv.Env{}.Get)
		if got.Mode != cache.NoCache || warnings != nil || err != nil {
			t.Errorf("got %+v, %q and %v, want no-cache", got, warnings, err)
		}
	})
}

// Printing settings, for example while debugging, prints no secret.
func TestSettingsPrintNoSecret(t *testing.T) {
	environment, _ := transport.ReadEnvironment(testenv.Env{"HTTPS_PROXY": "http://anna:" + testenv.AccountKey + "@proxy:3128"}.Get)
	s := Settings{Container: "results", ConnectionString: endpoint.Secret(testenv.ConnectionString), SASURL: endpoint.Secret(testenv.SASURL + testenv.AccountKey), environment: environment}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		for _, value := range []any{s, &s, []Settings{s}, s.ConnectionString, s.environment} {
			if got := fmt.Sprintf(verb, value); strings.Contains(got, testenv.AccountKey) {
				t.Errorf("%s: got %s, which has the key", verb, got)
			}
		}
	}
	if got := fmt.Sprintf("%+v", s); !strings.Contains(got, "Container:results") || !strings.Contains(got, "ConnectionString:REDACTED") {
		t.Errorf("got %s, want the rest of the settings", got)
	}
}
