-- SPDX-License-Identifier: Apache-2.0
-- edition 1: Resets that no socket of either end sent, from one time to another: a firewall, a balancer, connection tracking
SELECT * FROM {db}.both_ends(from = {from:DateTime64(6, 'UTC')}, to = {to:DateTime64(6, 'UTC')}, around = {around:UInt32}) WHERE between
