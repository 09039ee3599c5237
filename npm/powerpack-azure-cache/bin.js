#!/usr/bin/env node
'use strict';

require('nx-azure-cache/bin/nx-azure-cache.js');
