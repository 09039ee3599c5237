package main

import (
	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/recording"
	"github.com/nx-azure-cache/nx-azure-cache/rpc"
)

// records decides what becomes of the record of a run. A run that stores no results stores no
// record. Without CI, no one waits for it.
func records(s config.Settings, r config.RunPolicy, params rpc.InitializeParams, options cache.Options) *rpc.Records {
	keeper := &recording.Keeper{
		Prefix: options.Prefix, Scope: r.Scope, Signer: options.Signer,
		Provenance: options.Provenance, Workspace: params.WorkspaceRoot,
	}
	if r.Mode == cache.ReadWrite && (s.Records == config.RecordsAll || s.Records == config.RecordsInCI && params.CI) {
		keeper.Blobs = options.Writes.Blobs
	}
	return &rpc.Records{IsAwaited: params.CI && keeper.IsStored(), Keep: keeper.Keep}
}
