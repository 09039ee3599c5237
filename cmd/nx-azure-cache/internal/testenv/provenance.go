package testenv

import (
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
)

func At(text string) time.Time {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return t
}

var (
	FromMain = trust.Provenance{
		Repository: "acme/shop", Ref: "refs/heads/main", Commit: "1234567890abcdef1234567890abcdef12345678",
		Run: "https://github.com/acme/shop/actions/runs/17", Tool: "nx-azure-cache 1.0.0", Task: "shop:build:production", Time: At("2024-11-22T18:00:00Z"),
	}
	FromPull = trust.Provenance{Repository: "acme/shop", Ref: "refs/pull/12/merge", Run: "https://dev.azure.com/acme/shop/_build/results?buildId=99", Task: "shop:test"}
)
