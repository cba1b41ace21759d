import type * as grpc from '@grpc/grpc-js';
import type { MessageTypeDefinition } from '@grpc/proto-loader';

import type { AddKeySlotRequest as _broker_v1_AddKeySlotRequest, AddKeySlotRequest__Output as _broker_v1_AddKeySlotRequest__Output } from './broker/v1/AddKeySlotRequest.ts';
import type { BackupChunk as _broker_v1_BackupChunk, BackupChunk__Output as _broker_v1_BackupChunk__Output } from './broker/v1/BackupChunk.ts';
import type { BackupVaultRequest as _broker_v1_BackupVaultRequest, BackupVaultRequest__Output as _broker_v1_BackupVaultRequest__Output } from './broker/v1/BackupVaultRequest.ts';
import type { ChangePasswordRequest as _broker_v1_ChangePasswordRequest, ChangePasswordRequest__Output as _broker_v1_ChangePasswordRequest__Output } from './broker/v1/ChangePasswordRequest.ts';
import type { ElevateRequest as _broker_v1_ElevateRequest, ElevateRequest__Output as _broker_v1_ElevateRequest__Output } from './broker/v1/ElevateRequest.ts';
import type { ElevateResponse as _broker_v1_ElevateResponse, ElevateResponse__Output as _broker_v1_ElevateResponse__Output } from './broker/v1/ElevateResponse.ts';
import type { InitializeVaultRequest as _broker_v1_InitializeVaultRequest, InitializeVaultRequest__Output as _broker_v1_InitializeVaultRequest__Output } from './broker/v1/InitializeVaultRequest.ts';
import type { KeySlot as _broker_v1_KeySlot, KeySlot__Output as _broker_v1_KeySlot__Output } from './broker/v1/KeySlot.ts';
import type { LockVaultRequest as _broker_v1_LockVaultRequest, LockVaultRequest__Output as _broker_v1_LockVaultRequest__Output } from './broker/v1/LockVaultRequest.ts';
import type { RemoveKeySlotRequest as _broker_v1_RemoveKeySlotRequest, RemoveKeySlotRequest__Output as _broker_v1_RemoveKeySlotRequest__Output } from './broker/v1/RemoveKeySlotRequest.ts';
import type { RestoreVaultRequest as _broker_v1_RestoreVaultRequest, RestoreVaultRequest__Output as _broker_v1_RestoreVaultRequest__Output } from './broker/v1/RestoreVaultRequest.ts';
import type { ScanRequest as _broker_v1_ScanRequest, ScanRequest__Output as _broker_v1_ScanRequest__Output } from './broker/v1/ScanRequest.ts';
import type { ScanResponse as _broker_v1_ScanResponse, ScanResponse__Output as _broker_v1_ScanResponse__Output } from './broker/v1/ScanResponse.ts';
import type { UnlockVaultRequest as _broker_v1_UnlockVaultRequest, UnlockVaultRequest__Output as _broker_v1_UnlockVaultRequest__Output } from './broker/v1/UnlockVaultRequest.ts';
import type { VaultClient as _broker_v1_VaultClient, VaultDefinition as _broker_v1_VaultDefinition } from './broker/v1/Vault.ts';
import type { VaultStatus as _broker_v1_VaultStatus, VaultStatus__Output as _broker_v1_VaultStatus__Output } from './broker/v1/VaultStatus.ts';
import type { VaultStatusRequest as _broker_v1_VaultStatusRequest, VaultStatusRequest__Output as _broker_v1_VaultStatusRequest__Output } from './broker/v1/VaultStatusRequest.ts';
import type { Duration as _google_protobuf_Duration, Duration__Output as _google_protobuf_Duration__Output } from './google/protobuf/Duration.ts';
import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from './google/protobuf/Timestamp.ts';

type SubtypeConstructor<Constructor extends new (...args: never[]) => unknown, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  broker: {
    v1: {
      AddKeySlotRequest: MessageTypeDefinition<_broker_v1_AddKeySlotRequest, _broker_v1_AddKeySlotRequest__Output>
      BackupChunk: MessageTypeDefinition<_broker_v1_BackupChunk, _broker_v1_BackupChunk__Output>
      BackupVaultRequest: MessageTypeDefinition<_broker_v1_BackupVaultRequest, _broker_v1_BackupVaultRequest__Output>
      ChangePasswordRequest: MessageTypeDefinition<_broker_v1_ChangePasswordRequest, _broker_v1_ChangePasswordRequest__Output>
      ElevateRequest: MessageTypeDefinition<_broker_v1_ElevateRequest, _broker_v1_ElevateRequest__Output>
      ElevateResponse: MessageTypeDefinition<_broker_v1_ElevateResponse, _broker_v1_ElevateResponse__Output>
      InitializeVaultRequest: MessageTypeDefinition<_broker_v1_InitializeVaultRequest, _broker_v1_InitializeVaultRequest__Output>
      KeySlot: MessageTypeDefinition<_broker_v1_KeySlot, _broker_v1_KeySlot__Output>
      LockVaultRequest: MessageTypeDefinition<_broker_v1_LockVaultRequest, _broker_v1_LockVaultRequest__Output>
      RemoveKeySlotRequest: MessageTypeDefinition<_broker_v1_RemoveKeySlotRequest, _broker_v1_RemoveKeySlotRequest__Output>
      RestoreVaultRequest: MessageTypeDefinition<_broker_v1_RestoreVaultRequest, _broker_v1_RestoreVaultRequest__Output>
      ScanRequest: MessageTypeDefinition<_broker_v1_ScanRequest, _broker_v1_ScanRequest__Output>
      ScanResponse: MessageTypeDefinition<_broker_v1_ScanResponse, _broker_v1_ScanResponse__Output>
      UnlockVaultRequest: MessageTypeDefinition<_broker_v1_UnlockVaultRequest, _broker_v1_UnlockVaultRequest__Output>
      Vault: SubtypeConstructor<typeof grpc.Client, _broker_v1_VaultClient> & { service: _broker_v1_VaultDefinition }
      VaultStatus: MessageTypeDefinition<_broker_v1_VaultStatus, _broker_v1_VaultStatus__Output>
      VaultStatusRequest: MessageTypeDefinition<_broker_v1_VaultStatusRequest, _broker_v1_VaultStatusRequest__Output>
    }
  }
  google: {
    protobuf: {
      Duration: MessageTypeDefinition<_google_protobuf_Duration, _google_protobuf_Duration__Output>
      Timestamp: MessageTypeDefinition<_google_protobuf_Timestamp, _google_protobuf_Timestamp__Output>
    }
  }
}

