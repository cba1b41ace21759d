import type * as grpc from '@grpc/grpc-js';
import type { MessageTypeDefinition } from '@grpc/proto-loader';

import type { AuditClient as _broker_v1_AuditClient, AuditDefinition as _broker_v1_AuditDefinition } from './broker/v1/Audit.ts';
import type { AuditRecord as _broker_v1_AuditRecord, AuditRecord__Output as _broker_v1_AuditRecord__Output } from './broker/v1/AuditRecord.ts';
import type { QueryAuditRequest as _broker_v1_QueryAuditRequest, QueryAuditRequest__Output as _broker_v1_QueryAuditRequest__Output } from './broker/v1/QueryAuditRequest.ts';
import type { VerifyAuditRequest as _broker_v1_VerifyAuditRequest, VerifyAuditRequest__Output as _broker_v1_VerifyAuditRequest__Output } from './broker/v1/VerifyAuditRequest.ts';
import type { VerifyAuditResponse as _broker_v1_VerifyAuditResponse, VerifyAuditResponse__Output as _broker_v1_VerifyAuditResponse__Output } from './broker/v1/VerifyAuditResponse.ts';
import type { Duration as _google_protobuf_Duration, Duration__Output as _google_protobuf_Duration__Output } from './google/protobuf/Duration.ts';
import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from './google/protobuf/Timestamp.ts';

type SubtypeConstructor<Constructor extends new (...args: never[]) => unknown, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  broker: {
    v1: {
      Audit: SubtypeConstructor<typeof grpc.Client, _broker_v1_AuditClient> & { service: _broker_v1_AuditDefinition }
      AuditRecord: MessageTypeDefinition<_broker_v1_AuditRecord, _broker_v1_AuditRecord__Output>
      QueryAuditRequest: MessageTypeDefinition<_broker_v1_QueryAuditRequest, _broker_v1_QueryAuditRequest__Output>
      VerifyAuditRequest: MessageTypeDefinition<_broker_v1_VerifyAuditRequest, _broker_v1_VerifyAuditRequest__Output>
      VerifyAuditResponse: MessageTypeDefinition<_broker_v1_VerifyAuditResponse, _broker_v1_VerifyAuditResponse__Output>
    }
  }
  google: {
    protobuf: {
      Duration: MessageTypeDefinition<_google_protobuf_Duration, _google_protobuf_Duration__Output>
      Timestamp: MessageTypeDefinition<_google_protobuf_Timestamp, _google_protobuf_Timestamp__Output>
    }
  }
}

