// Original file: proto/broker/v1/vault.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { AddKeySlotRequest as _broker_v1_AddKeySlotRequest, AddKeySlotRequest__Output as _broker_v1_AddKeySlotRequest__Output } from '../../broker/v1/AddKeySlotRequest.ts';
import type { BackupChunk as _broker_v1_BackupChunk, BackupChunk__Output as _broker_v1_BackupChunk__Output } from '../../broker/v1/BackupChunk.ts';
import type { BackupVaultRequest as _broker_v1_BackupVaultRequest, BackupVaultRequest__Output as _broker_v1_BackupVaultRequest__Output } from '../../broker/v1/BackupVaultRequest.ts';
import type { ChangePasswordRequest as _broker_v1_ChangePasswordRequest, ChangePasswordRequest__Output as _broker_v1_ChangePasswordRequest__Output } from '../../broker/v1/ChangePasswordRequest.ts';
import type { ElevateRequest as _broker_v1_ElevateRequest, ElevateRequest__Output as _broker_v1_ElevateRequest__Output } from '../../broker/v1/ElevateRequest.ts';
import type { ElevateResponse as _broker_v1_ElevateResponse, ElevateResponse__Output as _broker_v1_ElevateResponse__Output } from '../../broker/v1/ElevateResponse.ts';
import type { InitializeVaultRequest as _broker_v1_InitializeVaultRequest, InitializeVaultRequest__Output as _broker_v1_InitializeVaultRequest__Output } from '../../broker/v1/InitializeVaultRequest.ts';
import type { LockVaultRequest as _broker_v1_LockVaultRequest, LockVaultRequest__Output as _broker_v1_LockVaultRequest__Output } from '../../broker/v1/LockVaultRequest.ts';
import type { RemoveKeySlotRequest as _broker_v1_RemoveKeySlotRequest, RemoveKeySlotRequest__Output as _broker_v1_RemoveKeySlotRequest__Output } from '../../broker/v1/RemoveKeySlotRequest.ts';
import type { RestoreVaultRequest as _broker_v1_RestoreVaultRequest, RestoreVaultRequest__Output as _broker_v1_RestoreVaultRequest__Output } from '../../broker/v1/RestoreVaultRequest.ts';
import type { ScanRequest as _broker_v1_ScanRequest, ScanRequest__Output as _broker_v1_ScanRequest__Output } from '../../broker/v1/ScanRequest.ts';
import type { ScanResponse as _broker_v1_ScanResponse, ScanResponse__Output as _broker_v1_ScanResponse__Output } from '../../broker/v1/ScanResponse.ts';
import type { UnlockVaultRequest as _broker_v1_UnlockVaultRequest, UnlockVaultRequest__Output as _broker_v1_UnlockVaultRequest__Output } from '../../broker/v1/UnlockVaultRequest.ts';
import type { VaultStatus as _broker_v1_VaultStatus, VaultStatus__Output as _broker_v1_VaultStatus__Output } from '../../broker/v1/VaultStatus.ts';
import type { VaultStatusRequest as _broker_v1_VaultStatusRequest, VaultStatusRequest__Output as _broker_v1_VaultStatusRequest__Output } from '../../broker/v1/VaultStatusRequest.ts';

export interface VaultClient extends grpc.Client {
  AddKeySlot(argument: _broker_v1_AddKeySlotRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_VaultStatus__Output>): grpc.ClientUnaryCall;
  AddKeySlot(argument: _broker_v1_AddKeySlotRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_broker_v1_VaultStatus__Output>): grpc.ClientUnaryCall;
  AddKeySlot(argument: _broker_v1_AddKeySlotRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_VaultStatus__Output>): grpc.ClientUnaryCall;
  AddKeySlot(argument: _broker_v1_AddKeySlotRequest, callback: grpc.requestCallback<_broker_v1_VaultStatus__Output>): grpc.ClientUnaryCall;
  addKeySlot(argument: _broker_v1_AddKeySlotRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_VaultStatus__Output>): grpc.ClientUnaryCall;
  addKeySlot(argument: _broker_v1_AddKeySlotRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_broker_v1_VaultStatus__Output>): grpc.ClientUnaryCall;
  addKeySlot(argument: _broker_v1_AddKeySlotRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_VaultStatus__Output>): grpc.ClientUnaryCall;
  addKeySlot(argument: _broker_v1_AddKeySlotRequest, callback: grpc.requestCallback<_broker_v1_VaultStatus__Output>): grpc.ClientUnaryCall;
  
  Backup(argument: _broker_v1_BackupVaultRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_broker_v1_BackupChunk__Output>;
  Backup(argument: _broker_v1_BackupVaultRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_broker_v1_BackupChunk__Output>;
  backup(argument: _broker_v1_BackupVaultRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_broker_v1_BackupChunk__Output>;
  backup(argument: _broker_v1_BackupVaultRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_broker_v1_BackupChunk__Output>;
  
  ChangePassword(argument: _broker_v1_ChangePasswordRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_VaultStatus__Output>): grpc.ClientUnaryCall;
  ChangePassword(argument: _broker_v1_ChangePasswordRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_broker_v1_VaultStatus__Output>): grpc.ClientUnaryCall;
  ChangePassword(argument: _broker_v1_ChangePasswordRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_VaultStatus__Output>): grpc.ClientUnaryCall;
  ChangePassword(argument: _broker_v1_ChangePasswordRequest, callback: grpc.requestCallback<_broker_v1_VaultStatus__Output>): grpc.ClientUnaryCall;
  changePassword(argument: _broker_v1_ChangePasswordRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_VaultStatus__Output>): grpc.ClientUnaryCall;
  changePassword(argument: _broker_v1_ChangePasswordRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_broker_v1_VaultStatus__Output>): grpc.ClientUnaryCall;
  changePassword(argument: _broker_v1_ChangePasswordRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_VaultStatus__Output>): grpc.ClientUnaryCall;
  changePassword(argument: _broker_v1_ChangePasswordRequest, callback: grpc.requestCallback<_broker_v1_VaultStatus__Output>): grpc.ClientUnaryCall;
  
  Elevate(argument: _broker_v1_ElevateRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_ElevateResponse__Output>): grpc.ClientUnaryCall;
  Elevate(argument: _broker_v1_ElevateRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_broker_v1_ElevateResponse__Output>): grpc.ClientUnaryCall;
  Elevate(argument: _broker_v1_ElevateRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_ElevateResponse__Output>): grpc.ClientUnaryCall;
  Elevate(argument: _broker_v1_ElevateRequest, callback: grpc.requestCallback<_broker_v1_ElevateResponse__Output>): grpc.ClientUnaryCall;
  elevate(argument: _broker_v1_ElevateRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_ElevateResponse__Output>): grpc.ClientUnaryCall;
  elevate(argument: _broker_v1_ElevateRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_broker_v1_ElevateResponse__Output>): grpc.ClientUnaryCall;
  elevate(argument: _broker_v1_ElevateRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_ElevateResponse__Output>): grpc.ClientUnaryCall;
  elevate(argument: _broker_v1_ElevateRequest, callback: grpc.requestCallback<_broker_v1_ElevateResponse__Output>): grpc.ClientUnaryCall;
  
  Initialize(argument: _broker_v1_InitializeVaultRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_VaultStatus__Output>): grpc.ClientUnaryCall;
  Initialize(argument: _broker_v1_InitializeVaultRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_broker_v1_VaultStatus__Output>): grpc.ClientUnaryCall;
  Initialize(argument: _broker_v1_InitializeVaultRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_VaultStatus__Output>): grpc.ClientUnaryCall;
  Initialize(argument: _broker_v1_InitializeVaultRequest, callback: grpc.requestCallback<_broker_v1_VaultStatus__Output>): grpc.ClientUnaryCall;
  initialize(argument: _broker_v1_InitializeVaultRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_VaultStatus__Output>): grpc.ClientUnaryCall;
  initialize(argument: _broker_v1_InitializeVaultRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_broker_v1_VaultStatus__Output>): grpc.ClientUnaryCall;
  initialize(argument: _broker_v1_InitializeVaultRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_VaultStatus__Output>): grpc.ClientUnaryCall;
  initialize(argument: _broker_v1_InitializeVaultRequest, callback: grpc.requestCallback<_broker_v1_VaultStatus__Output>): grpc.ClientUnaryCall;
  
  Lock(argument: _broker_v1_LockVaultRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_VaultStatus__Output>): grpc.ClientUnaryCall;
  Lock(argument: _broker_v1_LockVaultRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_broker_v1_VaultStatus__Output>): grpc.ClientUnaryCall;
  Lock(argument: _broker_v1_LockVaultRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_VaultStatus__Output>): grpc.ClientUnaryCall;
  Lock(argument: _broker_v1_LockVaultRequest, callback: grpc.requestCallback<_broker_v1_VaultStatus__Output>): grpc.ClientUnaryCall;
  lock(argument: _broker_v1_LockVaultRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_VaultStatus__Output>): grpc.ClientUnaryCall;
  lock(argument: _broker_v1_LockVaultRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_broker_v1_VaultStatus__Output>): grpc.ClientUnaryCall;
  lock(argument: _broker_v1_LockVaultRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_VaultStatus__Output>): grpc.ClientUnaryCall;
  lock(argument: _broker_v1_LockVaultRequest, callback: grpc.requestCallback<_broker_v1_VaultStatus__Output>): grpc.ClientUnaryCall;
  
  RemoveKeySlot(argument: _broker_v1_RemoveKeySlotRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_VaultStatus__Output>): grpc.ClientUnaryCall;
  RemoveKeySlot(argument: _broker_v1_RemoveKeySlotRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_broker_v1_VaultStatus__Output>): grpc.ClientUnaryCall;
  RemoveKeySlot(argument: _broker_v1_RemoveKeySlotRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_VaultStatus__Output>): grpc.ClientUnaryCall;
  RemoveKeySlot(argument: _broker_v1_RemoveKeySlotRequest, callback: grpc.requestCallback<_broker_v1_VaultStatus__Output>): grpc.ClientUnaryCall;
  removeKeySlot(argument: _broker_v1_RemoveKeySlotRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_VaultStatus__Output>): grpc.ClientUnaryCall;
  removeKeySlot(argument: _broker_v1_RemoveKeySlotRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_broker_v1_VaultStatus__Output>): grpc.ClientUnaryCall;
  removeKeySlot(argument: _broker_v1_RemoveKeySlotRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_VaultStatus__Output>): grpc.ClientUnaryCall;
  removeKeySlot(argument: _broker_v1_RemoveKeySlotRequest, callback: grpc.requestCallback<_broker_v1_VaultStatus__Output>): grpc.ClientUnaryCall;
  
  Restore(metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_VaultStatus__Output>): grpc.ClientWritableStream<_broker_v1_RestoreVaultRequest>;
  Restore(metadata: grpc.Metadata, callback: grpc.requestCallback<_broker_v1_VaultStatus__Output>): grpc.ClientWritableStream<_broker_v1_RestoreVaultRequest>;
  Restore(options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_VaultStatus__Output>): grpc.ClientWritableStream<_broker_v1_RestoreVaultRequest>;
  Restore(callback: grpc.requestCallback<_broker_v1_VaultStatus__Output>): grpc.ClientWritableStream<_broker_v1_RestoreVaultRequest>;
  restore(metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_VaultStatus__Output>): grpc.ClientWritableStream<_broker_v1_RestoreVaultRequest>;
  restore(metadata: grpc.Metadata, callback: grpc.requestCallback<_broker_v1_VaultStatus__Output>): grpc.ClientWritableStream<_broker_v1_RestoreVaultRequest>;
  restore(options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_VaultStatus__Output>): grpc.ClientWritableStream<_broker_v1_RestoreVaultRequest>;
  restore(callback: grpc.requestCallback<_broker_v1_VaultStatus__Output>): grpc.ClientWritableStream<_broker_v1_RestoreVaultRequest>;
  
  Scan(argument: _broker_v1_ScanRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_ScanResponse__Output>): grpc.ClientUnaryCall;
  Scan(argument: _broker_v1_ScanRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_broker_v1_ScanResponse__Output>): grpc.ClientUnaryCall;
  Scan(argument: _broker_v1_ScanRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_ScanResponse__Output>): grpc.ClientUnaryCall;
  Scan(argument: _broker_v1_ScanRequest, callback: grpc.requestCallback<_broker_v1_ScanResponse__Output>): grpc.ClientUnaryCall;
  scan(argument: _broker_v1_ScanRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_ScanResponse__Output>): grpc.ClientUnaryCall;
  scan(argument: _broker_v1_ScanRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_broker_v1_ScanResponse__Output>): grpc.ClientUnaryCall;
  scan(argument: _broker_v1_ScanRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_ScanResponse__Output>): grpc.ClientUnaryCall;
  scan(argument: _broker_v1_ScanRequest, callback: grpc.requestCallback<_broker_v1_ScanResponse__Output>): grpc.ClientUnaryCall;
  
  Status(argument: _broker_v1_VaultStatusRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_VaultStatus__Output>): grpc.ClientUnaryCall;
  Status(argument: _broker_v1_VaultStatusRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_broker_v1_VaultStatus__Output>): grpc.ClientUnaryCall;
  Status(argument: _broker_v1_VaultStatusRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_VaultStatus__Output>): grpc.ClientUnaryCall;
  Status(argument: _broker_v1_VaultStatusRequest, callback: grpc.requestCallback<_broker_v1_VaultStatus__Output>): grpc.ClientUnaryCall;
  status(argument: _broker_v1_VaultStatusRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_VaultStatus__Output>): grpc.ClientUnaryCall;
  status(argument: _broker_v1_VaultStatusRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_broker_v1_VaultStatus__Output>): grpc.ClientUnaryCall;
  status(argument: _broker_v1_VaultStatusRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_VaultStatus__Output>): grpc.ClientUnaryCall;
  status(argument: _broker_v1_VaultStatusRequest, callback: grpc.requestCallback<_broker_v1_VaultStatus__Output>): grpc.ClientUnaryCall;
  
  Unlock(argument: _broker_v1_UnlockVaultRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_VaultStatus__Output>): grpc.ClientUnaryCall;
  Unlock(argument: _broker_v1_UnlockVaultRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_broker_v1_VaultStatus__Output>): grpc.ClientUnaryCall;
  Unlock(argument: _broker_v1_UnlockVaultRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_VaultStatus__Output>): grpc.ClientUnaryCall;
  Unlock(argument: _broker_v1_UnlockVaultRequest, callback: grpc.requestCallback<_broker_v1_VaultStatus__Output>): grpc.ClientUnaryCall;
  unlock(argument: _broker_v1_UnlockVaultRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_VaultStatus__Output>): grpc.ClientUnaryCall;
  unlock(argument: _broker_v1_UnlockVaultRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_broker_v1_VaultStatus__Output>): grpc.ClientUnaryCall;
  unlock(argument: _broker_v1_UnlockVaultRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_VaultStatus__Output>): grpc.ClientUnaryCall;
  unlock(argument: _broker_v1_UnlockVaultRequest, callback: grpc.requestCallback<_broker_v1_VaultStatus__Output>): grpc.ClientUnaryCall;
  
}

export interface VaultHandlers extends grpc.UntypedServiceImplementation {
  AddKeySlot: grpc.handleUnaryCall<_broker_v1_AddKeySlotRequest__Output, _broker_v1_VaultStatus>;
  
  Backup: grpc.handleServerStreamingCall<_broker_v1_BackupVaultRequest__Output, _broker_v1_BackupChunk>;
  
  ChangePassword: grpc.handleUnaryCall<_broker_v1_ChangePasswordRequest__Output, _broker_v1_VaultStatus>;
  
  Elevate: grpc.handleUnaryCall<_broker_v1_ElevateRequest__Output, _broker_v1_ElevateResponse>;
  
  Initialize: grpc.handleUnaryCall<_broker_v1_InitializeVaultRequest__Output, _broker_v1_VaultStatus>;
  
  Lock: grpc.handleUnaryCall<_broker_v1_LockVaultRequest__Output, _broker_v1_VaultStatus>;
  
  RemoveKeySlot: grpc.handleUnaryCall<_broker_v1_RemoveKeySlotRequest__Output, _broker_v1_VaultStatus>;
  
  Restore: grpc.handleClientStreamingCall<_broker_v1_RestoreVaultRequest__Output, _broker_v1_VaultStatus>;
  
  Scan: grpc.handleUnaryCall<_broker_v1_ScanRequest__Output, _broker_v1_ScanResponse>;
  
  Status: grpc.handleUnaryCall<_broker_v1_VaultStatusRequest__Output, _broker_v1_VaultStatus>;
  
  Unlock: grpc.handleUnaryCall<_broker_v1_UnlockVaultRequest__Output, _broker_v1_VaultStatus>;
  
}

export interface VaultDefinition extends grpc.ServiceDefinition {
  AddKeySlot: MethodDefinition<_broker_v1_AddKeySlotRequest, _broker_v1_VaultStatus, _broker_v1_AddKeySlotRequest__Output, _broker_v1_VaultStatus__Output>
  Backup: MethodDefinition<_broker_v1_BackupVaultRequest, _broker_v1_BackupChunk, _broker_v1_BackupVaultRequest__Output, _broker_v1_BackupChunk__Output>
  ChangePassword: MethodDefinition<_broker_v1_ChangePasswordRequest, _broker_v1_VaultStatus, _broker_v1_ChangePasswordRequest__Output, _broker_v1_VaultStatus__Output>
  Elevate: MethodDefinition<_broker_v1_ElevateRequest, _broker_v1_ElevateResponse, _broker_v1_ElevateRequest__Output, _broker_v1_ElevateResponse__Output>
  Initialize: MethodDefinition<_broker_v1_InitializeVaultRequest, _broker_v1_VaultStatus, _broker_v1_InitializeVaultRequest__Output, _broker_v1_VaultStatus__Output>
  Lock: MethodDefinition<_broker_v1_LockVaultRequest, _broker_v1_VaultStatus, _broker_v1_LockVaultRequest__Output, _broker_v1_VaultStatus__Output>
  RemoveKeySlot: MethodDefinition<_broker_v1_RemoveKeySlotRequest, _broker_v1_VaultStatus, _broker_v1_RemoveKeySlotRequest__Output, _broker_v1_VaultStatus__Output>
  Restore: MethodDefinition<_broker_v1_RestoreVaultRequest, _broker_v1_VaultStatus, _broker_v1_RestoreVaultRequest__Output, _broker_v1_VaultStatus__Output>
  Scan: MethodDefinition<_broker_v1_ScanRequest, _broker_v1_ScanResponse, _broker_v1_ScanRequest__Output, _broker_v1_ScanResponse__Output>
  Status: MethodDefinition<_broker_v1_VaultStatusRequest, _broker_v1_VaultStatus, _broker_v1_VaultStatusRequest__Output, _broker_v1_VaultStatus__Output>
  Unlock: MethodDefinition<_broker_v1_UnlockVaultRequest, _broker_v1_VaultStatus, _broker_v1_UnlockVaultRequest__Output, _broker_v1_VaultStatus__Output>
}
