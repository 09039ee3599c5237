package config

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/testenv"
)

// endOfRun is what TestEndOfRun compares.
type endOfRun struct {
	records    Records
	jobSummary bool
	verify     float64
	file       string
}

func TestEndOfRun(t *testing.T) {
	const file = "/tmp/summary.json"
	for name, test := range map[string]struct {
		keys string
		ci   bool
		env  testenv.Env
		want endOfRun
	}{
		"by default":                      {``, false, nil, endOfRun{RecordsInCI, false, 0, ""}},
		"by default in CI":                {``, true, nil, endOfRun{RecordsInCI, true, 0, ""}},
		"no job summary":                  {`"jobSummary": false`, true, nil, endOfRun{RecordsInCI, false, 0, ""}},
		"a job summary without a job":     {`"jobSummary": true`, false, nil, endOfRun{RecordsInCI, false, 0, ""}},
		"all records":                     {`"records": " all "`, false, nil, endOfRun{RecordsAll, false, 0, ""}},
		"no records":                      {`"records": "none"`, true, nil, endOfRun{RecordsNone, true, 0, ""}},
		"a share":                         {`"verify": " 2.5% "`, true, nil, endOfRun{RecordsInCI, true, 0.025, ""}},
		"all hits":                        {`"verify": "100.0 %"`, true, nil, endOfRun{RecordsInCI, true, 1, ""}},
		"the variable beats the key":      {`"verify": "100%"`, true, testenv.Env{VerifyVariable: " 1% "}, endOfRun{RecordsInCI, true, 0.01, ""}},
		"the variable beats a wrong key":  {`"verify": "two"`, true, testenv.Env{VerifyVariable: "0%"}, endOfRun{RecordsInCI, true, 0, ""}},
		"a blank variable":                {`"verify": "1%"`, true, testenv.Env{VerifyVariable: " ", SummaryFileVariable: "\t"}, endOfRun{RecordsInCI, true, 0.01, ""}},
		"a summary file, also outside CI": {``, false, testenv.Env{SummaryFileVariable: file}, endOfRun{RecordsInCI, false, 0, file}},
	} {
		t.Run(name, func(t *testing.T) {
			s, warnings, err := ReadSettings(blockWith(test.keys), test.ci, test.env.Get)
			if got := (endOfRun{s.Records, s.JobSummary, s.Verify, s.SummaryFile}); got != test.want || err != nil || len(warnings) > 0 {
				t.Errorf("got %+v, %q and %v, want %+v", got, warnings, err, test.want)
			}
		})
	}
}

// blockWith is a block with more keys.
func blockWith(keys string) json.RawMessage {
	block := strings.TrimSuffix(testenv.GoodConfig, "}")
	if keys != "" {
		block += ", " + keys
	}
	return json.RawMessage(block + "}")
}

func TestWrongEndOfRun(t *testing.T) {
	const shares = `allowed are percentages from "0%" to "100%", such as "2%" and "0.5%"`
	for name, test := range map[string]struct {
		keys string
		env  testenv.Env
		want string
	}{
		"a typo":                 {`"records": "nome"`, nil, `azure.records in nx.json is "nome"; allowed are ci, all and none; did you mean none?`},
		"another value":          {`"records": "github"`, nil, `azure.records in nx.json is "github"; allowed are ci, all and none`},
		"a string":               {`"jobSummary": "false"`, nil, `azure.jobSummary in nx.json must be true or false, without quotes`},
		"a number":               {`"verify": 2`, nil, `azure.verify in nx.json must be a string with a percentage, such as "2%"`},
		"no sign":                {`"verify": "2"`, nil, `azure.verify in nx.json is "2"; ` + shares},
		"more than all":          {`"verify": "100.5%"`, nil, `azure.verify in nx.json is "100.5%"; ` + shares},
		"a secret":               {`"verify": "AccountKey=hunter2=="`, nil, `azure.verify in nx.json is a string of 20 characters and contains one of =;?&~@%+, which no setting may contain; a connection string belongs in AZURE_STORAGE_CONNECTION_STRING, a SAS URL in NX_AZURE_CACHE_SAS_URL`},
		"the variable":           {`"verify": "2%"`, testenv.Env{VerifyVariable: "-2%"}, `NX_AZURE_CACHE_VERIFY is "-2%"; ` + shares},
		"a secret in a variable": {``, testenv.Env{VerifyVariable: "AccountKey=hunter2=="}, `NX_AZURE_CACHE_VERIFY is a string of 20 characters; ` + shares},
	} {
		t.Run(name, func(t *testing.T) {
			if _, _, err := ReadSettings(blockWith(test.keys), true, test.env.Get); err == nil || err.Error() != test.want {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
		})
	}
}

// Without isolation no run is trusted, so a share to verify has no effect.
func TestVerifyWithoutTrust(t *testing.T) {
	const shared = `"trust": {"isolation": "none"}`
	for name, test := range map[string]struct {
		keys string
		env  testenv.Env
		want string // "": no warning
	}{
		"the key":      {`"verify": "2%", ` + shared, nil, `azure.verify in nx.json has no effect where azure.trust.isolation is "none": only trusted runs verify hits`},
		"the variable": {shared, testenv.Env{VerifyVariable: "2%"}, `NX_AZURE_CACHE_VERIFY has no effect where azure.trust.isolation is "none": only trusted runs verify hits`},
		"none of them": {`"verify": "0%", ` + shared, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s, warnings, err := ReadSettings(blockWith(test.keys), true, test.env.Get)
			if got := strings.Join(diagnostic.Strings(warnings), "\n"); got != test.want || s.Verify != 0 || err != nil {
				t.Errorf("got %q, %v and %v, want %q", got, s.Verify, err, test.want)
			}
		})
	}
}

// A checkout can set neither: a file that this process writes, nor what it verifies.
func TestEndOfRunIgnoresClaims(t *testing.T) {
	found := dotenv(testenv.Env{SummaryFileVariable: "/etc/passwd", VerifyVariable: "100%"})
	s, _, err := ReadSettings(blockWith(`"verify": "2%"`), true, found.Over(testenv.Env{}.Get))
	if err != nil || s.SummaryFile != "" || s.Verify != 0.02 {
		t.Errorf("got %q, %v and %v", s.SummaryFile, s.Verify, err)
	}
	const want = "NX_AZURE_CACHE_SUMMARY_FILE of .env and NX_AZURE_CACHE_VERIFY of .env are ignored: a checkout could set them. Set them in the environment of the CI job instead"
	if got := strings.Join(diagnostic.Strings(found.Warnings(s.Mode, nil)), "\n"); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// None of these keys decides the scope of a run, so they count in a file that nx.json
// extends.
func TestExtendedEndOfRun(t *testing.T) {
	block := blockWith(`"records": "all", "jobSummary": false, "verify": "2%", "trust": {"branches": ["main"]}`)
	kept, warnings := WithoutExtended(block, []string{AzureKey})
	s, _, err := ReadSettings(kept, true, testenv.Env{}.Get)
	if err != nil || s.Records != RecordsAll || s.JobSummary || s.Verify != 0.02 || len(warnings) != 1 {
		t.Errorf("got %+v, %q and %v", s, warnings, err)
	}
}
